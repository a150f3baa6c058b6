"""The paper's ablations of its three adapters, short and side by side (Sec. 4.4)."""
