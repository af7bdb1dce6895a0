def section(figures): return ""
