"""The sandbox: store, simulated transfer, web and command line around `msa` and `bridge`."""
