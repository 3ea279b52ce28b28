"""Learn whether classical and GAN augmentation improve a medical image classifier."""
