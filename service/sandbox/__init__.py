"""Where bytes from strangers are decoded: a process of its own for each image, that may do little else.

kept.py          our side: `Sandbox` hands an image in, and believes little of what comes out
nursery.py       the process that forks a child for each image, single-threaded and with all code loaded
confinement.py   what the system takes away from it: network, files, rights, memory, time
calls.py         the few calls of the system that it keeps
frames.py        what passes between them
"""
