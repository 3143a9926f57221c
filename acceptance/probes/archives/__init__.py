"""Archives to upload: good ones, hostile ones and zip bombs."""
