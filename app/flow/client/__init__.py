"""A flow that stands elsewhere, behind the same gateway: asked over HTTP as a partner, mirrored from what it tells."""
