"""The bundled platform: the other side of the wire, strict, and able to misbehave.

It shares no code with the sender, so that each side checks the other: ciphers, codes and dates are read here anew.
"""
