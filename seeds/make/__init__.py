"""The seed extracts are made from public source files by the modules of this package; see seeds/README.md."""
