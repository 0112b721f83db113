"""Foreign files and clouds -> the text of a configuration. Imported by `commands`."""
