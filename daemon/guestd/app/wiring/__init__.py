"""Configuration to objects: the only package that knows every class. One file for each part."""
