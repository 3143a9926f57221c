"""List homework and ask for reviews as a student, and ask the HW checker itself."""
