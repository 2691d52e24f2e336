"""`make bench`: what ShopBotly's speed and memory are, each figure beside a floor measured in the same run."""
