"""Each guard is taken out of a copy of the suite, and the test that is told to notice must turn red."""
