"""A user study: a page of blinded clips for raters, and the table of their scores."""
