"""What an image or a video says about itself, read by libraries from its header.

The bytes are hostile until shown otherwise: `reader.MetadataReader` reads them in processes of their own, which run
`image.read_image` and `video.read_video`. A damaged EXIF block is a warning; only an unreadable header is an error.
"""
