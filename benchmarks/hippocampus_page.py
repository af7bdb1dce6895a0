def benchmark_page(figures): return ""
