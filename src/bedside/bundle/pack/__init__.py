"""The pack that a reviewer signs: checklists, bill of materials, data sheet, change plan, trace table."""
