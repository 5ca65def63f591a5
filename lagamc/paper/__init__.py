"""The paper's tables and figures, protocol by protocol: its printed figures beside free-running ones of ours."""
