"""DVC stage `train_gan`: train a GAN family on every fold's training rows."""

from pipeline.workflows import train_gan
from pipeline.workflows.stage import main_named

if __name__ == "__main__":
    main_named("Train a GAN family on every fold's training rows.", "family", train_gan.run)
