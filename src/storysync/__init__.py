"""storysync keeps a SQL database provably equal to the story files in git."""

__version__ = "0.1.0.dev0"
