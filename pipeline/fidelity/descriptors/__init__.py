"""Numbers that describe one image each, by the names and formulas of the radiomics literature."""
