"""The paper's tables and figures for whatever was run, beside the paper's own numbers."""
