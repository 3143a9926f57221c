"""Submit a review as a student and read its result."""
