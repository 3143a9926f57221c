"""Mutation testing turned around: mutate the lab's services, and see whether the suite notices."""
