"""Bytes of Sinch's SMS API to values and back: pure functions, no sockets, no clock (STYLE rule 4).

The client and the simulator both speak through these modules, so they cannot drift apart. Sources are named where a
fact is used; the reference is Sinch's REST guide, its OpenAPI file and its official SDKs.
"""
