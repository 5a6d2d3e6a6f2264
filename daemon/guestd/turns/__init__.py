"""Taking turns on the loop: many errands and few tasks, many deadlines and one timer."""
