"""Configuration to objects: the only room that knows every class. One file for each part of the
house."""
