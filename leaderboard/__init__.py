"""The board: a Streamlit application that reads the results and never writes."""
