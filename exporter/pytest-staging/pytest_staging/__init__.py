"""A pytest plugin: tests name the staging components and journeys that they need, and fail at once without them."""
