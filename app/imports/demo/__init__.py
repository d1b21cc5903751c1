"""Demo data: made from a seed, so that two runs agree in names, places, terms and ids."""
