"""The HTTP bodies, as pydantic models: what clients send and get. The OpenAPI page is made from them."""
