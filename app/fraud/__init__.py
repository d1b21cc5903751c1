"""Signals of abuse by merchants' own people: looked for among what tills did, listed, told, settled by somebody."""
