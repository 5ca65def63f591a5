"""Models and their libraries are loaded by one thread at a time.

Packages of transformers replace themselves in `sys.modules` when their import ends. A second thread that imports
one meanwhile waits, and then has the replaced module: "cannot import name ... from 'transformers'".
"""

import threading

__all__ = ["LOADING"]

LOADING = threading.Lock()
