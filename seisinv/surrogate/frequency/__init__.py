"""The surrogate at one frequency: plane waves in subdomains, solved by least squares."""
