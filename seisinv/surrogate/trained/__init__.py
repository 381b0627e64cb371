"""Networks trained on the residual of the wave equation: plain and finite-basis PINNs."""
