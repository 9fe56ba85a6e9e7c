# The launcher: build/portcullis.
