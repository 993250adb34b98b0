// Nothing: the precompiled header is made for the flags of this source.
