"""The surrogate in time: random features in subdomains, solved by least squares."""
