"""The attack corpus: its cases, the requests that they become, and where each may write."""
