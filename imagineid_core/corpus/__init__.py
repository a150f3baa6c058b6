"""Where pictures and sounds to learn from come from: synthetic people and public sets."""
