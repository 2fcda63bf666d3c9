"""`make node`: a real containerd with pods in it, to try the program on."""

from tests.node.rig.up import main

main()
