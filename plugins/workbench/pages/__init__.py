"""The workbench's pages, a module for each: TITLE, PATH and router."""
