"""Steps of pictures: what shall be drawn, the drawing, the answer."""
