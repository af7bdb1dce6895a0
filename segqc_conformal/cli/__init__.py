"""The commands: words around functions of the library."""
