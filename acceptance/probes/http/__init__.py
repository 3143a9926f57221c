"""Send requests and read answers: plain, streamed, multipart, and byte by byte."""
