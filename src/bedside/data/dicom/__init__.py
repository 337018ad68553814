"""DICOM, as the standard has it: instances become grey or colour pictures, series become volumes."""
