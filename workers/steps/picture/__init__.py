"""Steps of pictures: deciding what to draw, drawing, answering."""
