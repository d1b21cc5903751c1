"""Files of every accepted form into raw rows: what stands in a file, before anybody asks what it means."""
