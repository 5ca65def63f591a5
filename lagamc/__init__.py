"""LAGAMC: multi-label text classification by generating label descriptions.

The method of Khatuya et al., Findings of ACL 2025 (arXiv 2506.06806). Importing this package
loads no deep-learning library; the modules that need one import it themselves.
"""
