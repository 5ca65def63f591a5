"""Help with the wording of descriptions: seeds, drafts, checks, rivals and the effect of an edit."""
