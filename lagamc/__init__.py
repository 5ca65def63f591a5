"""LAGAMC: multi-label text classification by generating label descriptions.

The method of Khatuya et al., Findings of ACL 2025 (arXiv 2506.06806). Importing this package
loads no deep-learning library; the modules that need one import it themselves.
"""

import os

# What oneDNN and torch make for a shape they keep, 1,024 shapes each: half a gigabyte where batches have many numbers
# of tokens. Read when the first of them is made.
for _cache in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_cache, "256")
