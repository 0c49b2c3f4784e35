"""The metadata of images and videos, which libraries read from the header.

The bytes are hostile until shown otherwise: `reader.MetadataReader` reads them in processes of their own, which run
`image.read_image` and `video.read_video`. A damaged EXIF block is a warning; only an unreadable header is an error.
"""
