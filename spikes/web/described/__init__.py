"""The documentation of each route, by area; the route table refers to it."""
