"""What is wrong, or will be, with a composition: told with its line and the cure."""
