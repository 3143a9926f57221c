"""Upload archives and look at the files, documents and scanner behind them."""
