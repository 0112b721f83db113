"""Days and hundreds of incidents on a virtual clock."""
